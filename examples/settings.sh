#!/bin/sh
# The caller's own settings of a chat. Needs the users of first-conversation.sh.

# #region settings
URL=${PALAVER_URL:-http://127.0.0.1:12000}/v1
JSON='Content-Type: application/json'

curl -sS -w '\n' $URL/auth/login -c bob.cookie -H "$JSON" -d '{"username":"bob","password":"correct horse"}'
ARCHIVE=$(curl -sS $URL/group_chat -b bob.cookie -H "$JSON" -d '{"title":"Archive"}' | sed 's/.*"chat_id":\([0-9]*\).*/\1/')
curl -sS -w '\n' -X PATCH $URL/chats/$ARCHIVE/settings -b bob.cookie -H "$JSON" -d '{"archived":true,"pinned":true}'
curl -sS -w '\n' $URL/messages -b bob.cookie -H "$JSON" -d '{"group_chat_id":'$ARCHIVE',"message":"Back again"}'
curl -sS -w '\n' -X PATCH $URL/chats/$ARCHIVE/settings -b bob.cookie -H "$JSON" -d '{"muted_until":"2099-12-31T23:59:59Z"}'
# #endregion settings

rm -f bob.cookie
