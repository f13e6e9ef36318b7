exports.greet = (name = "world") => `Hello, ${name}!`;

if (require.main === module) console.log(exports.greet(process.argv[2]));
