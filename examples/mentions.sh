#!/bin/sh
# A reply, a mention and metadata. Needs the users of first-conversation.sh.

# #region mentions
URL=${PALAVER_URL:-http://127.0.0.1:12000}/v1
JSON='Content-Type: application/json'

curl -sS -w '\n' $URL/auth/login -c ana.cookie -H "$JSON" -d '{"username":"ana","password":"correct horse"}'
curl -sS -w '\n' $URL/auth/login -c bob.cookie -H "$JSON" -d '{"username":"bob","password":"correct horse"}'
CHAT=$(curl -sS $URL/group_chat -b ana.cookie -H "$JSON" -d '{"title":"Release","participants":["bob"]}' | sed 's/.*"chat_id":\([0-9]*\).*/\1/')
ID=$(curl -sS $URL/messages -b bob.cookie -H "$JSON" -d '{"group_chat_id":'$CHAT',"message":"Is it out?"}' | sed 's/{"id":\([0-9]*\).*/\1/')
curl -sS -w '\n' $URL/messages -b ana.cookie -H "$JSON" \
  -d '{"group_chat_id":'$CHAT',"message":"@bob, since noon.","reply_to":'$ID',"mentions":["bob"],"metadata":{"ticket":4711}}'
curl -sS -w '\n' $URL/chats/$CHAT -b bob.cookie
# #endregion mentions

rm -f ana.cookie bob.cookie
