import { expect } from "chai";
import { openScene } from "./browser.js";

describe("openScene", () => {
  const scene = openScene();

  it("reports errors in the console, uncaught errors, violations and requests to other origins", async () => {
    scene.tolerate(/./);
    const page = await scene.openPage();
    expect(scene.faults).to.deep.equal([]);
    await page.evaluate(async () => {
      console.error("planted in the console");
      document.body.setAttribute("style", "color: red");
      // A navigation would cancel a timer that has not fired.
      await new Promise((resolve) => {
        setTimeout(() => {
          setTimeout(resolve);
          throw new Error("planted and uncaught");
        });
      });
    });
    await page.goto(scene.url.replace("127.0.0.1", "localhost"));
    await scene.settle();
    for (const fault of [
      "error in the console: planted in the console",
      "uncaught error: Error: planted and uncaught",
      "violation of the Content-Security-Policy: style-src-attr",
      "request to another origin: http://localhost:",
    ]) {
      expect(scene.faults.join("\n")).to.include(fault);
    }
  });

  it("logs contexts in as users, and keeps them apart", async () => {
    const [ana, bob] = [await scene.openContext(), await scene.openContext()];
    for (const [context, username] of [
      [ana, "ana"],
      [bob, "bob"],
    ] as const) {
      await scene.logIn(context, username);
      await scene.logIn(context, username);
      const session = await context.request.get("/v1/auth/session");
      expect(await session.json()).to.include({ username });
    }
  });
});
