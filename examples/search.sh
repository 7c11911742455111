#!/bin/sh
# Finds messages by their words. Needs the users of first-conversation.sh.

# #region search
URL=${PALAVER_URL:-http://127.0.0.1:12000}/v1
JSON='Content-Type: application/json'

curl -sS -w '\n' $URL/auth/login -c ana.cookie -H "$JSON" -d '{"username":"ana","password":"correct horse"}'
curl -sS -w '\n' $URL/messages -b ana.cookie -H "$JSON" -d '{"dest_username":"bob","message":"Café at noon, 東京駅?"}'
curl -sS -w '\n' "$URL/search?q=noon+CAF" -b ana.cookie
curl -sS -w '\n' "$URL/search?from=ana&limit=20" -G --data-urlencode 'q=東京' -b ana.cookie
# #endregion search

rm -f ana.cookie
