// The operator's use cases in a program: an account, a new password, and a token for a script.
//
//   node examples/administration.js

// #region administration
import { openMessaging } from "palaver";
import { createAdministration } from "palaver/operator";

const messaging = await openMessaging({ storage: "memory" });
const operator = createAdministration(messaging.ports);
const { id: user } = await operator.addUser({ username: "reports", password: "correct horse" });
await operator.resetPassword({ user, newPassword: "battery staple" });
const { secret } = await operator.createUserToken({ user, name: "nightly" });
const session = await messaging.authenticate({ secret });
// #endregion administration
console.log(`${session.user.username} has the token ${session.name}.`);
await messaging.close();
