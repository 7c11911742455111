import { render } from "preact";
import { followRoute } from "./route.js";
import { createApp } from "./state/app.js";
import { browserPorts } from "./state/browser.js";
import { Root } from "./views/root.js";

const root = document.getElementById("root");
if (root) render(<Root app={createApp(browserPorts())} route={followRoute()} />, root);
