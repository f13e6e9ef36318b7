const assert = require("node:assert");
const test = require("node:test");
const { greet } = require("./greeting.js");

test("greets by name", () => assert.equal(greet("Ann"), "Hello, Ann!"));
test("greets the world", () => assert.equal(greet(), "Hello, world!"));
