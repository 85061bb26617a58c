/** `fastvm serve`: runs a daemon here, in the foreground or behind. */
import { Option, type Command } from "commander";
import { optionsOf } from "../../command-line/global-options.ts";
import { collect, factorFromOne, portNumber, wholeNumber } from "../../command-line/option-values.ts";
import { printJson, printLine } from "../../output/print.ts";
import { withProgress } from "../../output/progress.ts";
import { daemonCommand, withDaemon } from "./daemon-flags.ts";
import type { Daemon } from "./daemon-flags.ts";

interface ServeOptions {
  readonly host?: string;
  readonly port?: number;
  readonly domain?: string;
  readonly pathUrls?: string;
  readonly dataDir?: string;
  readonly cacheDir?: string;
  readonly cacheGib?: number;
  readonly allowImport?: string[];
  readonly allowMount?: string[];
  readonly publishAddress?: string[];
  readonly allowBucketNetwork?: string[];
  readonly databaseUrl?: string;
  readonly poolSize?: number;
  readonly poolMaxSize?: number;
  readonly poolMemoryMib?: number;
  readonly quarantineHours?: number;
  readonly memoryOvercommit?: number;
  readonly network?: string;
  readonly ipv6Prefix?: string;
  readonly nameserver?: string[];
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly publicUrl?: string;
  readonly consoleOrigin?: string[];
  readonly webhookNetwork?: string[];
  readonly sealingKeyFile?: string;
  readonly tracesEndpoint?: string;
  readonly logLevel?: string;
  readonly detach?: boolean;
  readonly showCacheDir?: boolean;
}

export function serveCommand(): Command {
  const command = daemonCommand("serve", "Run the daemon: the API and the VMs of this machine")
    .option("--host <address>", "address to listen on (default: 127.0.0.1)")
    .option("--port <port>", "port to listen on (default: 8800)", portNumber)
    .option(
      "--domain <name>",
      "services are at *.proxy.<name> (environment: FASTVM_DOMAIN; default: localhost)",
    )
    .option(
      "--path-urls <on|off>",
      "off: services have no URLs by path of the API's host (environment: FASTVM_PATH_URLS; default: on)",
    )
    .option("--cache-dir <folder>", "images and templates (environment: FASTVM_CACHE_DIR)")
    .option(
      "--cache-gib <n>",
      "what images and templates may take there; the longest unused go first (environment: FASTVM_CACHE_GIB; default: a third of the disk)",
      wholeNumber,
    )
    .option(
      "--allow-import <folder>",
      "where images may be made of folders and disks, by `image import`; may be repeated (environment: FASTVM_ALLOW_IMPORT)",
      collect,
    )
    .option(
      "--allow-mount <folder>",
      "what VMs may mount of this machine, by keys of its first organisation; may be repeated (environment: FASTVM_ALLOW_MOUNT)",
      collect,
    )
    .option(
      "--publish-address <address>",
      "whose ports sandboxes may publish beside those of the loopback; may be repeated (environment: FASTVM_PUBLISH_ADDRESSES)",
      collect,
    )
    .option("--database-url <url>", "PostgreSQL in place of SQLite in the data folder")
    .option(
      "--pool-size <n>",
      "VMs kept ready of each machine that is launched (environment: FASTVM_POOL_SIZE; default: 2)",
      wholeNumber,
    )
    .option(
      "--pool-max-size <n>",
      "how many where launches found none ready, until they pause (environment: FASTVM_POOL_MAX_SIZE; default: 8)",
      wholeNumber,
    )
    .option(
      "--pool-memory-mib <n>",
      "memory for what is kept ready, of the machines that were launched last (environment: FASTVM_POOL_MEMORY_MIB; default: 600)",
      wholeNumber,
    )
    .option(
      "--quarantine-hours <n>",
      "how long VMs and snapshots that no record knows are kept (environment: FASTVM_QUARANTINE_HOURS; default: 24)",
      wholeNumber,
    )
    .option(
      "--memory-overcommit <factor>",
      "how many times the memory there is may be promised to VMs (environment: FASTVM_MEMORY_OVERCOMMIT; default: 16)",
      factorFromOne,
    );
  addNetworkOptions(command)
    .option(
      "--sealing-key-file <file>",
      "keys that secrets of organisations are sealed with (environment: FASTVM_SEALING_KEY_FILE; default: one made in the data folder)",
    )
    .option("--log-level <level>", "trace, debug, info, warn, error or silent")
    .option("-d, --detach", "run in the background, and return when it is ready")
    // For the package, which makes the base image there before the daemon starts.
    .addOption(new Option("--show-cache-dir", "say where images and templates would be, and end").hideHelp());
  return command.action(() => withDaemon((daemon) => serve(daemon, optionsOf<ServeOptions>(command))));
}

/** How VMs reach others, how clients reach them, and what is told of it. */
function addNetworkOptions(command: Command): Command {
  return command
    .option(
      "--allow-bucket-network <network>",
      "a private network whose object stores VMs may mount buckets of; may be repeated (environment: FASTVM_ALLOW_BUCKET_NETWORK)",
      collect,
    )
    .option("--network <on|none>", "none: VMs have no network interface (environment: FASTVM_NETWORK)")
    .option(
      "--ipv6-prefix <network>",
      "where VMs get public addresses from (environment: FASTVM_IPV6_PREFIX; default: unique local addresses)",
    )
    .option(
      "--nameserver <address>",
      "whom VMs' names are asked of, with a port or without; may be repeated (environment: FASTVM_NAMESERVERS; default: the host's)",
      collect,
    )
    .option(
      "--tls-cert <file>",
      "serve TLS with this certificate chain in PEM (environment: FASTVM_TLS_CERT)",
    )
    .option("--tls-key <file>", "its private key in PEM (environment: FASTVM_TLS_KEY)")
    .option(
      "--public-url <url>",
      "how clients reach the API behind a proxy (environment: FASTVM_PUBLIC_URL; default: as requests arrive)",
    )
    .option(
      "--console-origin <origin>",
      "page from which consoles may be opened, beside the API's own, " +
        "such as https://panel.example.com; may be repeated (environment: FASTVM_CONSOLE_ORIGINS)",
      collect,
    )
    .option(
      "--webhook-network <network>",
      "private network into which webhooks may lead, such as 10.1.0.0/16; may be repeated " +
        "(environment: FASTVM_WEBHOOK_NETWORKS; default: none)",
      collect,
    )
    .option(
      "--traces-endpoint <url>",
      "where spans are sent as OTLP by HTTP, such as http://127.0.0.1:4318 " +
        "(environment: FASTVM_TRACES_ENDPOINT, OTEL_EXPORTER_OTLP_ENDPOINT; default: nowhere)",
    );
}

async function serve(daemon: Daemon, options: ServeOptions & { readonly json?: boolean }): Promise<void> {
  const config = daemon.readConfig(options);
  if (options.showCacheDir === true) return printLine(config.cacheDir);
  if (options.detach !== true) return daemon.serve(config);
  const started = await withProgress("Starting the daemon", () => daemon.startDaemon(config));
  const { apiKey: _, ...shown } = started;
  if (options.json === true) printJson(shown);
  else
    printLine(
      `The daemon serves ${started.url}. Its key is in ${started.apiKeyFile}, its log in ${started.logFile}`,
    );
}
