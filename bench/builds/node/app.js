const greeting = require("greeting");

console.log(greeting());
