// Loaded by `npm run test:long`: the servers of the tests then store in PostgreSQL.
process.env["TEST_STORE"] = "postgres";
