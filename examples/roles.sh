#!/bin/sh
# The roles, the policy and the metadata of a group chat. Needs the users of first-conversation.sh.

# #region create
URL=${PALAVER_URL:-http://127.0.0.1:12000}/v1
JSON='Content-Type: application/json'

curl -sS -w '\n' $URL/auth/login -c ana.cookie -H "$JSON" -d '{"username":"ana","password":"correct horse"}'
curl -sS -w '\n' $URL/auth/login -c bob.cookie -H "$JSON" -d '{"username":"bob","password":"correct horse"}'
CHAT=$(curl -sS $URL/group_chat -b ana.cookie -H "$JSON" -d '{"title":"News","participants":["bob"]}' | sed 's/.*"chat_id":\([0-9]*\).*/\1/')
# #endregion create

# #region policy
curl -sS -w '\n' -X PATCH $URL/group_chat/$CHAT -b ana.cookie -H "$JSON" -d '{"policy":{"post":"admins","rename":"admins"}}'
curl -sS -w '\n' $URL/messages -b bob.cookie -H "$JSON" -d '{"group_chat_id":'$CHAT',"message":"May I?"}'
# #endregion policy

# #region roles
curl -sS -w '\n' -X PUT $URL/group_chat/$CHAT/participants/bob/role -b ana.cookie -H "$JSON" -d '{"role":"admin"}'
curl -sS -w '\n' $URL/messages -b bob.cookie -H "$JSON" -d '{"group_chat_id":'$CHAT',"message":"I may."}'
curl -sS -w '\n' -X PUT $URL/group_chat/$CHAT/participants/bob/role -b ana.cookie -H "$JSON" -d '{"role":"owner"}'
# #endregion roles

# #region metadata
curl -sS -w '\n' -X PATCH $URL/group_chat/$CHAT -b bob.cookie -H "$JSON" -d '{"metadata":{"ticket":4711}}'
curl -sS -w '\n' $URL/chats/$CHAT -b ana.cookie
# #endregion metadata

# #region leave
curl -sS -w '\n' -X DELETE $URL/group_chat/$CHAT/participants/bob -b bob.cookie
curl -sS -w '\n' $URL/chats/$CHAT -b ana.cookie
# #endregion leave

rm -f ana.cookie bob.cookie
