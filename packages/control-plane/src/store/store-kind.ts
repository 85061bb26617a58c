/** The two databases, for what they do not have in common. */
export type StoreKind = "sqlite" | "postgres";
