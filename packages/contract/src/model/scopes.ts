/** What a key may do. */

/**
 * `read` sees records; `run` also works in VMs: commands, files, consoles; `manage` also makes, changes and deletes; `admin`
 * also makes and revokes the organisation's keys. `metrics` stands beside them: the host's figures, which name VMs of all
 * organisations.
 */
export const SCOPES = ["read", "run", "manage", "admin", "metrics"] as const;
export type Scope = (typeof SCOPES)[number];

/** Each has all that stand before it. */
const LADDER: readonly Scope[] = ["read", "run", "manage", "admin"];

/** Whether a key with these scopes may do what takes the `needed` one. */
export function hasScope(scopes: readonly Scope[], needed: Scope): boolean {
  if (scopes.includes(needed)) return true;
  const least = LADDER.indexOf(needed);
  return least >= 0 && scopes.some((scope) => LADDER.indexOf(scope) >= least);
}
