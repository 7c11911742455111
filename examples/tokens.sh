#!/bin/sh
# The sessions of a user, and a token for a program. Needs the users of first-conversation.sh.

# #region tokens
URL=${PALAVER_URL:-http://127.0.0.1:12000}/v1
JSON='Content-Type: application/json'

curl -sS -w '\n' $URL/auth/login -c bob.cookie -H "$JSON" -d '{"username":"bob","password":"correct horse"}'
curl -sS -w '\n' $URL/auth/sessions -b bob.cookie
curl -sS -w '\n' -X DELETE $URL/auth/sessions -b bob.cookie

TOKEN=$(curl -sS $URL/auth/tokens -b bob.cookie -H "$JSON" -d '{"name":"backup"}' | sed 's/.*"token":"\([^"]*\)".*/\1/')
curl -sS -w '\n' $URL/auth/tokens -b bob.cookie
curl -sS -w '\n' $URL/messages -H "Authorization: Bearer $TOKEN"
# #endregion tokens

rm -f bob.cookie
