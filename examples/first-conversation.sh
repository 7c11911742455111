#!/bin/sh
# Two users register, log in, and talk. Needs a server at port 12000: npm start

# #region conversation
URL=${PALAVER_URL:-http://127.0.0.1:12000}/v1
JSON='Content-Type: application/json'

curl -sS -w '\n' $URL/auth/register -H "$JSON" -d '{"username":"ana","password":"correct horse"}'
curl -sS -w '\n' $URL/auth/register -H "$JSON" -d '{"username":"bob","password":"correct horse"}'
curl -sS -w '\n' $URL/auth/login -c ana.cookie -H "$JSON" -d '{"username":"ana","password":"correct horse"}'
curl -sS -w '\n' $URL/auth/login -c bob.cookie -H "$JSON" -d '{"username":"bob","password":"correct horse"}'

curl -sS -w '\n' $URL/messages -b ana.cookie -H "$JSON" -d '{"dest_username":"bob","message":"Hello, Bob!"}'
curl -sS -w '\n' $URL/messages/p2p/ana -b bob.cookie

CURSOR=$(curl -sS $URL/sync -b bob.cookie | sed -n 's/.*"cursor":"\([^"]*\)".*/\1/p')
curl -sS -w '\n' $URL/messages -b ana.cookie -H "$JSON" -d '{"dest_username":"bob","message":"Lunch at noon?"}'
curl -sS -N --max-time 3 "$URL/events/stream?after=$CURSOR" -b bob.cookie
# #endregion conversation

rm -f ana.cookie bob.cookie
