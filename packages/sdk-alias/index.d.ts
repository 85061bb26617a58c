export * from "fastvm";
