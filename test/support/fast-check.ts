import fc from "fast-check";

// Mocha prints no causes.
fc.configureGlobal({ includeErrorInReport: true });
