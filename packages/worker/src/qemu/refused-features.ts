/**
 * Features of a processor that some KVMs, themselves in a virtual machine, offer and then refuse to
 * set: QEMU ends over them (`kvm_buf_set_msrs`). They are left out where that is seen, and nowhere
 * else: without this one a guest guards itself against what its processor does not suffer from.
 */
const REFUSED_FEATURES = [{ feature: "arch-capabilities", complaint: /failed to set MSR 0x10a\b/ }] as const;

/** Those that these words of a QEMU complain of. */
export function refusedFeatures(words: string): readonly string[] {
  return REFUSED_FEATURES.filter(({ complaint }) => complaint.test(words)).map(({ feature }) => feature);
}

/** Whether a device state names what this host's processor does not take, as one of another host may. */
export function isRefusedState(words: string): boolean {
  return /failed to set MSR 0x[0-9a-f]+/.test(words);
}
