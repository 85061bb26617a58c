/** `machine template builds`, `logs`, `cancel`, `retry`, `promote`: builds of templates. */
import type { Command } from "commander";
import { wholeNumber } from "../../command-line/option-values.ts";
import { printJson, printLine } from "../../output/print.ts";
import { harmless } from "../../output/table.ts";
import { machineCommand } from "./machine-command.ts";
import { show } from "./show.ts";
import { buildTable } from "./show-builds.ts";

export function templateBuildCommands(): Command[] {
  return [builds(), logs(), cancel(), retry(), promote()];
}

function builds(): Command {
  return machineCommand({
    name: "builds",
    operands: ["<template>"],
    summary: "Its builds, newest first",
    example: "template builds app",
    run: async ({ operands: [ref = ""], isJson, api }) => {
      const { Template } = await import("fastvm/machines");
      const found = await Template.builds(ref, api);
      show(isJson, found, () => buildTable(found));
    },
  });
}

function logs(): Command {
  return machineCommand<{ readonly offset?: number }>({
    name: "logs",
    operands: ["<build>"],
    summary: "What a build prints, to its end",
    example: "template logs tbd_1",
    configure: (command) => command.option("--offset <line>", "go on there", wholeNumber),
    run: async ({ operands: [id = ""], options: { offset = 0 }, isJson, api }) => {
      const { Template } = await import("fastvm/machines");
      const lines: string[] = [];
      for await (const line of Template.followLogs(id, { ...api, offset })) {
        if (isJson) lines.push(line);
        else printLine(harmless(line));
      }
      if (isJson) printJson({ lines });
    },
  });
}

function cancel(): Command {
  return machineCommand({
    name: "cancel",
    operands: ["<build>"],
    summary: "End a build; fine for one that has ended",
    example: "template cancel tbd_1",
    run: async ({ operands: [id = ""], isJson, api }) => {
      const { Template } = await import("fastvm/machines");
      const ended = await Template.cancelBuild(id, api);
      show(isJson, ended, () => ended.status);
    },
  });
}

function retry(): Command {
  return machineCommand({
    name: "retry",
    operands: ["<build>"],
    summary: "Begin another build of the same; prints its id",
    example: "template retry tbd_1",
    run: async ({ operands: [id = ""], isJson, api }) => {
      const { Template } = await import("fastvm/machines");
      const begun = await Template.retryBuild(id, api);
      show(isJson, begun, () => begun.id);
    },
  });
}

function promote(): Command {
  return machineCommand<{ readonly tag?: string }>({
    name: "promote",
    operands: ["<template>", "<build>"],
    summary: "Let a tag mean that build; warm pools that follow it do too",
    example: "template promote app tbd_1 --tag stable",
    configure: (command) => command.option("--tag <tag>", "(default: latest)"),
    run: async ({ operands: [ref = "", id = ""], options: { tag }, isJson, api }) => {
      const { Template } = await import("fastvm/machines");
      const order = tag === undefined ? api : { ...api, tag };
      const promoted = await Template.promote(ref, id, order);
      show(isJson, promoted, () => promoted.canonicalRef);
    },
  });
}
