// The tsconfigs of `domain`, `application` and `client` send every package name to this file, and no project includes it.
// So an import of a package there (a value, a type, `import()`, a bare side effect) does not compile.
