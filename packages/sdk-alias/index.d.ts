/** The types of `fastvm`, under the package's first name. */
export * from "fastvm";
