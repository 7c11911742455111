#!/bin/sh
# An invitation to a group chat. Needs the users of first-conversation.sh.

# #region invite
URL=${PALAVER_URL:-http://127.0.0.1:12000}/v1
JSON='Content-Type: application/json'

curl -sS -w '\n' $URL/auth/login -c ana.cookie -H "$JSON" -d '{"username":"ana","password":"correct horse"}'
curl -sS -w '\n' $URL/auth/login -c bob.cookie -H "$JSON" -d '{"username":"bob","password":"correct horse"}'
CLUB=$(curl -sS $URL/group_chat -b ana.cookie -H "$JSON" -d '{"title":"Club"}' | sed 's/.*"chat_id":\([0-9]*\).*/\1/')
CODE=$(curl -sS $URL/group_chat/$CLUB/invitations -b ana.cookie -H "$JSON" -d '{"expires_in":86400,"max_uses":10}' | sed 's/.*"code":"\([^"]*\)".*/\1/')
# #endregion invite

# #region accept
curl -sS -w '\n' $URL/invitations/$CODE -b bob.cookie
curl -sS -w '\n' -X POST $URL/invitations/$CODE/accept -b bob.cookie
# #endregion accept

# #region revoke
LIST=$(curl -sS $URL/group_chat/$CLUB/invitations -b ana.cookie)
echo "$LIST"
ID=$(echo "$LIST" | sed 's/.*"invitation_id":"\([^"]*\)".*/\1/')
curl -sS -w '\n' -X DELETE $URL/group_chat/$CLUB/invitations/$ID -b ana.cookie
curl -sS -w '\n' $URL/invitations/$CODE -b bob.cookie
# #endregion revoke

rm -f ana.cookie bob.cookie
