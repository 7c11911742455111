#!/bin/sh
# A group chat. Needs the users of first-conversation.sh.

# #region group
URL=${PALAVER_URL:-http://127.0.0.1:12000}/v1
JSON='Content-Type: application/json'

curl -sS -w '\n' $URL/auth/login -c ana.cookie -H "$JSON" -d '{"username":"ana","password":"correct horse"}'
CHAT=$(curl -sS $URL/group_chat -b ana.cookie -H "$JSON" -d '{"title":"Plans","participants":["bob"]}' | sed 's/.*"chat_id":\([0-9]*\).*/\1/')
curl -sS -w '\n' $URL/messages -b ana.cookie -H "$JSON" -d '{"group_chat_id":'$CHAT',"message":"Lunch?"}'
curl -sS -w '\n' $URL/chats/$CHAT -b ana.cookie
# #endregion group

rm -f ana.cookie
