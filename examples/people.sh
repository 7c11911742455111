#!/bin/sh
# Display names, the directory and blocks. Needs the users of first-conversation.sh.

# #region names
URL=${PALAVER_URL:-http://127.0.0.1:12000}/v1
JSON='Content-Type: application/json'

curl -sS -w '\n' $URL/auth/login -c ana.cookie -H "$JSON" -d '{"username":"ana","password":"correct horse"}'
curl -sS -w '\n' $URL/auth/login -c bob.cookie -H "$JSON" -d '{"username":"bob","password":"correct horse"}'
curl -sS -w '\n' -X PATCH $URL/users/me -b ana.cookie -H "$JSON" -d '{"display_name":"Ana María Núñez"}'
curl -sS -w '\n' $URL/users/ana -b bob.cookie
# #endregion names

# #region find
curl -sS -w '\n' "$URL/users?prefix=mar&limit=20" -b bob.cookie
# #endregion find

# #region block
curl -sS -w '\n' -X PUT $URL/users/me/blocks/bob -b ana.cookie
curl -sS -w '\n' $URL/users/me/blocks -b ana.cookie
curl -sS -w '\n' $URL/messages -b bob.cookie -H "$JSON" -d '{"dest_username":"ana","message":"hello?"}'
curl -sS -w '\n' -X DELETE $URL/users/me/blocks/bob -b ana.cookie
curl -sS -w '\n' $URL/messages -b bob.cookie -H "$JSON" -d '{"dest_username":"ana","message":"hello again"}'
# #endregion block

rm -f ana.cookie bob.cookie
