/** git's arguments, and what it prints as values. Nothing here runs it. */

/** Between the fields of a commit and between commits: nothing that a message can hold. */
const [FIELD, RECORD] = ["\u001f", "\u001e"];
export const LOG_FORMAT = "--format=%H%x1f%an%x1f%ae%x1f%aI%x1f%B%x1e";
/** Reads what is asked for from the environment of this one command, so that it stands in no file, URL or list of processes. */
const CREDENTIAL_HELPER =
  '!f() { test "$1" = get && printf "username=%s\\npassword=%s\\n" "$NULLSPACE_GIT_USERNAME" "$NULLSPACE_GIT_PASSWORD"; }; f';

/** For one command: the machine keeps nothing of it. */
export interface GitHttpsAuth {
  readonly username: string;
  readonly password: string;
}

export interface GitStatus {
  /** Absent for a detached head. */
  readonly branch: string | undefined;
  readonly ahead: number;
  readonly behind: number;
  readonly clean: boolean;
  /** Two letters, as `git status --porcelain` has them: of the index and of the work tree. */
  readonly changed: readonly { readonly status: string; readonly path: string }[];
}

export interface GitCommit {
  readonly sha: string;
  readonly authorName: string;
  readonly authorEmail: string;
  /** RFC 3339. */
  readonly authoredAt: string;
  readonly message: string;
}

export function gitCall(args: readonly string[], auth: GitHttpsAuth | undefined) {
  // Nobody is there to be asked.
  const quiet = { GIT_TERMINAL_PROMPT: "0" };
  if (auth === undefined) return { args: [...args], envs: quiet };
  return {
    args: ["-c", "credential.helper=", "-c", `credential.helper=${CREDENTIAL_HELPER}`, ...args],
    envs: {
      ...quiet,
      NULLSPACE_GIT_USERNAME: auth.username,
      NULLSPACE_GIT_PASSWORD: auth.password,
    } as Record<string, string>,
  };
}

/** Fields before the path, by the kind of an entry. */
const BEFORE_PATH: Readonly<Record<string, number>> = { "1": 8, "2": 9, u: 10 };

/** Of `git status --porcelain=v2 --branch -z`. */
export function readStatus(text: string): GitStatus {
  let branch: string | undefined;
  let [ahead, behind] = [0, 0];
  const changed: { status: string; path: string }[] = [];
  const entries = text.split("\0");
  for (let at = 0; at < entries.length; at += 1) {
    const fields = (entries[at] ?? "").split(" ");
    const [kind = "", second = "", third, fourth] = fields;
    const before = BEFORE_PATH[kind];
    if (second === "branch.head") branch = third === "(detached)" ? undefined : fields.slice(2).join(" ");
    else if (second === "branch.ab") [ahead, behind] = [Number(third), -Number(fourth)];
    else if (kind === "?") changed.push({ status: "??", path: fields.slice(1).join(" ") });
    else if (before !== undefined) changed.push({ status: second, path: fields.slice(before).join(" ") });
    // Where it was before follows as an entry of its own.
    if (kind === "2") at += 1;
  }
  return { branch, ahead, behind, clean: changed.length === 0, changed };
}

/** Of `git log` in `LOG_FORMAT`. */
export function readLog(text: string): readonly GitCommit[] {
  return text
    .split(RECORD)
    .map((record) => record.trim())
    .filter((record) => record !== "")
    .map((record) => {
      const [sha = "", authorName = "", authorEmail = "", authoredAt = "", ...message] = record.split(FIELD);
      return { sha, authorName, authorEmail, authoredAt, message: message.join(FIELD).trim() };
    });
}
