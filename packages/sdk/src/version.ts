/** The SDK's version, as it names itself to the server; a test keeps it equal to package.json. */
export const SDK_VERSION = "0.1.0";
