/** Where a worker keeps things and how much it may use. Every field is decided by the daemon; nothing here reads the environment. */
interface NetworkConfig {
  /**
   * Network of at most 96 bits from which VMs get their public addresses; default: one of unique local addresses, of the data folder's own.
   */
  readonly ipv6Prefix?: string | undefined;
  /** Whom the resolver asks, `address` or `address:port`; default: the host's own. */
  readonly nameservers?: readonly string[] | undefined;
  /** Addresses of the host, beside its loopback, whose ports may lead to VMs; default: none. */
  readonly publishAddresses?: readonly string[] | undefined;
}

export interface WorkerConfig {
  /** VMs, snapshots and their journals. Must be on the filesystem of `cacheDir` for layers to be shared between both. */
  readonly dataDir: string;
  /** Templates, by content. Shared by every daemon of the machine. */
  readonly cacheDir: string;
  /**
   * What images and templates may take there; beyond it goes what was not used for the longest time and that no daemon uses. Default: a
   * third of the disk.
   */
  readonly cacheGib?: number | undefined;
  /** What the operator says of registries; absent: nothing. */
  readonly registriesFile?: string | undefined;
  /** Folders of the host that images may be made of; default: none. */
  readonly importFolders?: readonly string[] | undefined;
  /** Folders of the host that VMs may mount, and what is beneath; default: none. */
  readonly mountFolders?: readonly string[] | undefined;
  /** Guarded networks that have stores of objects whose buckets VMs may mount; default: none. */
  readonly bucketNetworks?: readonly string[] | undefined;
  /** A folder that guest/image/build.sh made. */
  readonly imageDir: string;
  /** Name or path of the QEMU for new VMs; default: that of the search path. */
  readonly qemuPath?: string | undefined;
  /**
   * For each template that launches come for: VMs that stand by, about 50 MiB each, and as many waiting processes, about 25 MiB each. 0:
   * neither.
   */
  readonly poolSize: number;
  /** How many of each there are at most where launches found none. */
  readonly poolMaxSize: number;
  /** For those of all templates; the templates that were launched from last have theirs. */
  readonly poolMemoryMib: number;
  /** Memory that stays free for the host; below it launches are refused. */
  readonly reserveMib: number;
  /** How many times the memory there is may be promised to VMs that run. */
  readonly memoryOvercommit: number;
  /** `none`: VMs have no network interface. */
  readonly network: NetworkConfig | "none";
  /** The certificate that guests are served with, in PEM with its chain. */
  readonly tlsChain?: Buffer | undefined;
  /** Whether file systems of volumes grow while they are mounted; default: as the kernel lets this process. For tests. */
  readonly growsMountedVolumes?: boolean | undefined;
  /** First of 65,536 user ids for QEMU processes. */
  readonly uidBase: number;
}
