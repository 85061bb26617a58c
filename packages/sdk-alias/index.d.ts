/** The types of `fastvm`, under the package's first name. */
export * from "fastvm";
// oxlint-disable-next-line import/no-default-export -- as the package that it stands for has
export { default } from "fastvm";
