#!/bin/sh
# A test server with a seeded world, and a request that it rejects.

# #region control
npx palaver test-server > server.json &
SERVER=$!
until grep -qs control_url server.json; do kill -0 $SERVER || break; sleep 0.1; done
URL=$(sed 's/.*"url":"\([^"]*\)".*/\1/' server.json)
CONTROL=$(sed 's/.*"control_url":"\([^"]*\)".*/\1/' server.json)
JSON='Content-Type: application/json'

curl -sS $CONTROL/seed -H "$JSON" -o world.json -d '{"users":["ana","bob"],"messages":[{"from":"ana","to":"bob","text":"Lunch?","at":"2026-11-16T09:00:00Z"}]}'
TOKEN=$(sed 's/.*"bob":{[^}]*"token":"\([^"]*\)".*/\1/' world.json)
curl -sS -w '\n' $URL/v1/messages -H "Authorization: Bearer $TOKEN"
curl -sS -w '\n' -X PUT $CONTROL/faults/rejections -H "$JSON" -d '{"count":1}'
curl -sS -w '\n' $URL/v1/chats -H "Authorization: Bearer $TOKEN"
curl -sS -w '\n' $URL/v1/messages -H "Authorization: Bearer $TOKEN" -H "$JSON" -d '{"dest_username":"ana","message":"Yes!"}'
curl -sS -w '\n' $CONTROL/events/wait -H "$JSON" -d '{"username":"ana","match":{"message":{"message":"Yes!"}}}'
# #endregion control

kill $SERVER
wait $SERVER
