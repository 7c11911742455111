import { signal } from "@preact/signals";
import { render } from "preact";

const status = signal("Connecting …");

/** The name of the product, and whether the server is reachable. */
function App() {
  return (
    <main>
      <h1>Palaver</h1>
      <p role="status">{status}</p>
    </main>
  );
}

async function connect(): Promise<void> {
  try {
    const { ok } = await fetch("healthz");
    status.value = ok ? "The server is reachable." : "The server has a problem. Load the page again later.";
  } catch {
    status.value = "The server is not reachable. Check your connection, then load the page again.";
  }
}

const root = document.getElementById("root");
if (root) render(<App />, root);
void connect();
