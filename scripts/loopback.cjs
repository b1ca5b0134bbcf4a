// The Agents Playground listens on every address and has no option for it; loaded before it, this keeps it on loopback.
const { Server } = require("node:net");

const HOST = "127.0.0.1";
const listen = Server.prototype.listen;

Server.prototype.listen = function (first, ...rest) {
  if (typeof first === "object" && first !== null && first.port !== undefined) {
    return listen.call(this, { ...first, host: HOST }, ...rest);
  }
  const isPort = typeof first === "number" || /^\d+$/.test(String(first));
  if (!isPort) return listen.call(this, first, ...rest);
  const withoutHost = typeof rest[0] === "string" ? rest.slice(1) : rest;
  return listen.call(this, Number(first), HOST, ...withoutHost);
};
