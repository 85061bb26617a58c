/** `machine template …`: templates, their builds and what builds print; warm pools of them are below it. */
import { readFile } from "node:fs/promises";
import { Command } from "commander";
import type { TemplateBuilder } from "fastvm/machines";
import { collect, keyValue, positiveInteger } from "../../command-line/option-values.ts";
import { remark } from "../../output/print.ts";
import { harmless } from "../../output/table.ts";
import { UserError } from "../../user-error.ts";
import { machineCommand } from "./machine-command.ts";
import { show } from "./show.ts";
import { templateTable } from "./show-builds.ts";
import { templateBuildCommands } from "./template-builds.ts";
import { warmPoolCommand } from "./warm-pools.ts";

export function templateCommand(): Command {
  const command = new Command("template").description("Work with templates, of which machines are made");
  const commands = [
    build(),
    list(),
    get(),
    rename(),
    remove(),
    ...templateBuildCommands(),
    warmPoolCommand(),
  ];
  for (const each of commands) command.addCommand(each);
  return command;
}

interface BuildFlags {
  readonly image?: string;
  readonly base?: string;
  readonly file?: string;
  readonly run?: readonly string[];
  readonly env?: Record<string, string>;
  readonly startCmd?: string;
  readonly waitForPort?: number;
  readonly tag?: string;
  readonly vcpus?: number;
  readonly memoryMb?: number;
  readonly diskMb?: number;
  readonly cache?: boolean;
  readonly background?: boolean;
}

function build(): Command {
  return machineCommand<BuildFlags>({
    name: "build",
    operands: ["<name>"],
    summary:
      "Build a template of an image, another template or a Dockerfile; prints the build's id when it is ready",
    example: "template build app --image python:3.13 --run 'pip install flask'",
    configure: (command) =>
      command
        .option("--image <image>", "begin with this image of a registry")
        .option("--base <template>", "begin with this template")
        .option("--file <Dockerfile>", "begin with this")
        .option("--run <command>", "then run this in the shell; may be repeated", collect)
        .option("--env <key=value>", "variable of all its machines; may be repeated", keyValue)
        .option("--start-cmd <command>", "runs while it is built: machines begin where that had come to")
        .option("--wait-for-port <port>", "the start command is ready once it listens there", positiveInteger)
        .option("--tag <tag>", "means this build once it is ready (default: latest)")
        .option("--vcpus <count>", "of machines that say nothing else", positiveInteger)
        .option("--memory-mb <MiB>", "of machines that say nothing else", positiveInteger)
        .option("--disk-mb <MiB>", "of machines that say nothing else", positiveInteger)
        .option("--no-cache", "use nothing of earlier builds")
        .option("--background", "only begin it"),
    run: async ({ operands: [name = ""], options, isJson, api }) => {
      const { Template, TemplateBuilder: Builder } = await import("fastvm/machines");
      const { vcpus, memoryMb, diskMb, tag, cache, background } = options;
      const builder = await builderOf(Builder, options);
      const order = {
        ...api,
        tag,
        resources: { vcpus, memoryMb, diskMb },
        noCache: cache === false || undefined,
      };
      const made =
        background === true
          ? await Template.buildInBackground(name, builder, order)
          : await Template.build(name, builder, { ...order, onLog: (line) => remark(harmless(line)) });
      show(isJson, made, () => made.id);
    },
  });
}

async function builderOf(
  Builder: typeof TemplateBuilder,
  { image, base, file, run = [], env, startCmd, waitForPort }: BuildFlags,
): Promise<TemplateBuilder> {
  const given = [image, base, file].filter((each) => each !== undefined);
  if (given.length !== 1) {
    throw new UserError("One thing must say what it begins with", "Give --image, --base or --file");
  }
  const builder =
    image === undefined
      ? base === undefined
        ? Builder.fromDockerfile(await readFile(file ?? "", "utf8"))
        : Builder.fromTemplate(base)
      : Builder.fromImage(image);
  for (const command of run) builder.run(command);
  if (env !== undefined) builder.setRuntimeEnvs(env);
  if (startCmd !== undefined) builder.setStartCmd(startCmd, { waitForPort });
  return builder;
}

function list(): Command {
  return machineCommand({
    name: "list",
    summary: "Templates, newest first",
    example: "template list",
    run: async ({ isJson, api }) => {
      const { Template } = await import("fastvm/machines");
      const found = await Template.list(api);
      show(isJson, found, () => templateTable(found));
    },
  });
}

function get(): Command {
  return machineCommand({
    name: "get",
    operands: ["<template>"],
    summary: "Show one, by any name or its id",
    example: "template get app",
    run: async ({ operands: [ref = ""], isJson, api }) => {
      const { Template } = await import("fastvm/machines");
      const found = await Template.get(ref, api);
      show(isJson, found, () => templateTable([found]));
    },
  });
}

function rename(): Command {
  return machineCommand({
    name: "rename",
    operands: ["<template>", "<name>"],
    summary: "Give it another name; the old one is free again",
    example: "template rename app web",
    run: async ({ operands: [ref = "", name = ""], isJson, api }) => {
      const { Template } = await import("fastvm/machines");
      const renamed = await Template.rename(ref, name, api);
      show(isJson, renamed, () => renamed.canonicalRef);
    },
  });
}

function remove(): Command {
  return machineCommand({
    name: "delete",
    operands: ["<template>"],
    summary: "Delete it with its builds; machines of it stay",
    example: "template delete app",
    run: async ({ operands: [ref = ""], isJson, api }) => {
      const { Template } = await import("fastvm/machines");
      await Template.delete(ref, api);
      show(isJson, { template: ref, deleted: true }, () => ref);
    },
  });
}
