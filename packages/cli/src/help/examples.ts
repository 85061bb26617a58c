/** What help and the manual show of each command, and what a test types: a line that is right, by the command's path. */
import type { Command } from "commander";

/** Right behind `fastvm`, and behind `vm`. */
const OF_VMS: Readonly<Record<string, readonly string[]>> = {
  launch: [
    "launch -n dev --no-console",
    "launch -m c2m4 --ttl 2h:delete --metadata team=search -q",
    "launch --idle 20m:stop --max-life 30d:delete -q",
  ],
  ls: ["ls --format 'table {{.name}}\\t{{.status}}'"],
  inspect: ["inspect dev --format '{{.publicIpv6}}'"],
  exec: ["exec dev uname -a", "exec -w /tmp -u nobody -e A=1 dev 'echo $A in $PWD'"],
  console: ["console dev"],
  stats: ["stats dev", "stats dev --past 10m"],
  top: ["top dev"],
  wait: ["wait dev --until running --timeout 60"],
  logs: ["logs -n 20 dev"],
  fork: ["fork dev -n left -n right"],
  pause: ["pause dev"],
  resume: ["resume dev"],
  stop: ["stop dev --grace 60"],
  start: ["start dev"],
  restart: ["restart dev --force"],
  rename: ["rename dev prod"],
  update: ["update dev --ttl 90m:pause --metadata tier=2", "update dev --idle 1h:stop --no-max-life"],
  rm: ["rm -y dev"],
};

/** Only behind `vm`. */
const BEHIND_VM: Readonly<Record<string, readonly string[]>> = {
  get: ["vm get dev"],
};

export const EXAMPLES: Readonly<Record<string, readonly string[]>> = {
  serve: ["serve -d --port 8899 --data-dir /var/lib/fastvm"],
  "daemon stop": ["daemon stop --vms", "daemon stop --delete-vms"],
  doctor: ["doctor"],
  backup: ["backup /srv/backups/monday"],
  restore: ["restore /srv/backups/monday --data-dir /var/lib/fastvm-again"],
  "quarantine ls": ["quarantine ls"],
  "quarantine rm": ["quarantine rm -y 0b9c5f2e-3a51-4a86-9d55-d6c0b8f1a001"],
  "org create": ["org create search"],
  "org ls": ["org ls --format '{{.name}}'"],
  "org quota": ["org quota search --vcpu 16 --memory-mib 32768"],
  "org rm": ["org rm search --force"],
  "key create": ["key create --org search --scope run --expires 30d"],
  "key ls": ["key ls --org search"],
  "key revoke": ["key revoke 0b9c5f2e-3a51-4a86-9d55-d6c0b8f1a001"],
  "image pull": ["image pull python:3.13-slim"],
  "image load": ["image load --input image.tar"],
  "image import": ["image import /srv/roots/debian --name debian:mine"],
  "image save": ["image save python:3.13-slim --output image.tar"],
  "image ls": ["image ls"],
  "image inspect": ["image inspect python:3.13-slim"],
  "image warm": ["image warm python:3.13-slim"],
  "image start": ["image start python:3.13-slim"],
  "image rm": ["image rm python:3.13-slim"],
  "image prune": ["image prune --unused-days 30"],
  "system df": ["system df"],
  "system prune": ["system prune --unused-days 7"],
  "build ls": ["build ls"],
  "build get": ["build get 0b9c5f2e"],
  "build logs": ["build logs 0b9c5f2e --follow"],
  "build cancel": ["build cancel 0b9c5f2e"],
  "build rm": ["build rm -y 0b9c5f2e"],
  run: ["run --no-stdin 'python3 --version'"],
  ps: ["ps", "ps -q"],
  attach: ["attach dev 0b9c5f2e"],
  kill: ["kill dev 0b9c5f2e -s TERM"],
  ssh: ["ssh dev -L 8080:localhost:80"],
  cp: ["cp README.md dev:/root/", "cp dev:/root/README.md -"],
  audit: ["audit -n 5", "audit --vm dev --method DELETE"],
  events: ["events -n 5", "events -f --vm dev"],
  "webhook create": ["webhook create https://hooks.example/vms --type vm.vm_failed --type vm.deleted"],
  "webhook ls": ["webhook ls"],
  "webhook update": ["webhook update 0b9c5f2e-3a51-4a86-9d55-d6c0b8f1a001 --disable"],
  "webhook rm": ["webhook rm 0b9c5f2e-3a51-4a86-9d55-d6c0b8f1a001"],
  "webhook deliveries": ["webhook deliveries 0b9c5f2e-3a51-4a86-9d55-d6c0b8f1a001 --status dead_letter"],
  "webhook replay": ["webhook replay 0b9c5f2e-3a51-4a86-9d55-d6c0b8f1a001"],
  port: ["port dev", "port dev 8080:80"],
  diff: ["diff dev /etc", "diff dev --against ready"],
  prune: ["prune -y", "prune -y --paused --metadata team=search"],
  "snapshot create": ["snapshot create dev -n ready"],
  "snapshot ls": ["snapshot ls"],
  "snapshot tree": ["snapshot tree"],
  "snapshot restore": ["snapshot restore ready -n branch"],
  "snapshot rename": ["snapshot rename ready done"],
  "snapshot rm": ["snapshot rm -y ready"],
  "bucket ls": ["bucket ls dev"],
  "bucket attach": ["bucket attach dev s3://pictures /mnt/pictures --credentials ~/.aws/credentials"],
  "bucket rotate": ["bucket rotate dev MOUNT --credentials ~/.aws/credentials"],
  "bucket detach": ["bucket detach dev MOUNT"],
  "volume create": ["volume create data --size 10"],
  "volume ls": ["volume ls"],
  "volume get": ["volume get data"],
  "volume resize": ["volume resize data 20"],
  "volume rm": ["volume rm -y data"],
  "volume attach": ["volume attach dev data:/mnt/data:ro"],
  "volume detach": ["volume detach dev data"],
  "volume cp": ["volume cp README.md data:/README.md"],
  "volume files ls": ["volume files ls data /"],
  "volume files cat": ["volume files cat data /README.md"],
  "volume files mkdir": ["volume files mkdir data /notes"],
  "volume files mv": ["volume files mv data /README.md /notes/README.md"],
  "volume files watch": ["volume files watch data /notes", "volume files watch data -r"],
  "volume files rm": ["volume files rm data /notes/README.md"],
  "firewall get": ["firewall get dev"],
  "firewall set": ["firewall set dev --mode restricted -r tcp:80 -r tcp:443"],
  "firewall patch": ["firewall patch dev -r tcp:22"],
  "service add": ["service add dev web 8000"],
  "service ls": ["service ls dev"],
  "service rm": ["service rm dev web"],
  "ssh-key add": ["ssh-key add ~/.ssh/id_ed25519.pub"],
  "ssh-key ls": ["ssh-key ls"],
  "ssh-key rm": ["ssh-key rm SHA256:2q0mLyvLmZxj"],
  "registry login": ["registry login registry.example --username me"],
  "registry logout": ["registry logout registry.example"],
  "registry ls": ["registry ls"],
  quota: ["quota"],
  df: ["df"],
  login: ["login https://vms.example --name office"],
  logout: ["logout office"],
  "context ls": ["context ls"],
  "context use": ["context use office"],
  "config set": ["config set base_url https://vms.example"],
  "config get": ["config get base_url"],
  completion: ["completion bash"],
  man: ["man exec", "man --all ./man1"],
  ...OF_VMS,
  ...Object.fromEntries(
    Object.entries({ ...OF_VMS, ...BEHIND_VM }).map(([verb, lines]) => [`vm ${verb}`, lines]),
  ),
};

export function examplesOf(path: readonly string[]): readonly string[] {
  return EXAMPLES[path.join(" ")] ?? [];
}

/** Behind the help of each command that has one. */
export function addExamples(command: Command, path: readonly string[] = []): void {
  const lines = examplesOf(path).map((line) => `  fastvm ${line}`);
  if (lines.length > 0) command.addHelpText("after", `\nExamples:\n${lines.join("\n")}`);
  for (const child of command.commands) addExamples(child, [...path, child.name()]);
}

/** As a shell splits it. */
export function wordsOf(line: string): readonly string[] {
  return [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain = ""]) => quoted ?? plain);
}
