import { expect, test } from "vitest";
import { FastvmError } from "./errors/errors.ts";
import { apiHostOf, formatReference, parseReference, parseRegistry } from "./image-reference.ts";

const DIGEST = `sha256:${"a1".repeat(32)}`;

test.each([
  ["python", "docker.io/library/python:latest"],
  ["python:3.13-slim", "docker.io/library/python:3.13-slim"],
  ["team/app", "docker.io/team/app:latest"],
  ["index.docker.io/python", "docker.io/library/python:latest"],
  ["docker.io/team/app:1", "docker.io/team/app:1"],
  ["localhost/app", "localhost/app:latest"],
  ["localhost:5000/app", "localhost:5000/app:latest"],
  ["registry.example.com/a/b/c:v1.2", "registry.example.com/a/b/c:v1.2"],
  ["Registry.Example.com:5000/app", "registry.example.com:5000/app:latest"],
  ["[2001:db8::1]:5000/app", "[2001:db8::1]:5000/app:latest"],
  [`app@${DIGEST}`, `docker.io/library/app@${DIGEST}`],
  [`app:1@${DIGEST}`, `docker.io/library/app:1@${DIGEST}`],
  ["a__b/c--d.e:_x", "docker.io/a__b/c--d.e:_x"],
])("%s is %s", (text, full) => {
  expect(formatReference(parseReference(text))).toBe(full);
  expect(formatReference(parseReference(full))).toBe(full);
});

test.each([
  "",
  "App",
  "app:",
  "app:-x",
  "app:a b",
  "app@sha256:abc",
  `app@${DIGEST}@${DIGEST}`,
  `app@sha512:${"a".repeat(128)}`,
  `app@${DIGEST.toUpperCase()}`,
  "a..b",
  "a/../b",
  "/app",
  "app/",
  "https://registry.example.com/app",
  "user@registry.example.com/app",
  "registry.example.com/app?x",
  "-registry.example.com/app",
  `registry.example.com/${"a".repeat(256)}`,
])("%s names no image", (text) => {
  expect(() => parseReference(text)).toThrow(FastvmError);
});

test("Docker Hub's API has a host of its own", () => {
  expect(apiHostOf("docker.io")).toBe("registry-1.docker.io");
  expect(apiHostOf("registry.example.com:5000")).toBe("registry.example.com:5000");
});

test.each([
  ["docker.io", "docker.io"],
  ["index.docker.io", "docker.io"],
  ["Registry.Example.com:5000", "registry.example.com:5000"],
  ["localhost", "localhost"],
  ["[2001:db8::1]:5000", "[2001:db8::1]:5000"],
])("the registry %s is %s", (text, expected) => {
  expect(parseRegistry(text)).toBe(expected);
});

test.each([
  "",
  "team",
  "https://registry.example.com",
  "registry.example.com/team",
  "a..b",
  "r.example:x",
  "-.example",
])("%j is no registry", (text) => {
  expect(() => parseRegistry(text)).toThrow(/is no registry/);
});
