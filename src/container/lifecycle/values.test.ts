import { describe, expect, test } from "bun:test";
import { planCopy } from "./copy.ts";
import { type CreateOptions, planContainer } from "./create.ts";
import { filterContainers, parseFilters } from "./filter.ts";
import { checkName, randomName } from "./name.ts";
import type { ContainerRecord } from "./record.ts";
import { parseSignal } from "./signal.ts";
import { type ContainerState, describeState, exited, failedToStart, removing, started } from "./state.ts";

describe("states", () => {
  const created: ContainerState = { status: "created" };
  const running = started(created, { pid: 7, processStart: 9, bootId: "b", at: 1000 });
  const over = exited(running, { exitCode: 3, at: 5000 });

  test("created -> running -> exited -> running", () => {
    expect(running).toEqual({ status: "running", pid: 7, processStart: 9, bootId: "b", startedAt: 1000 });
    expect(over).toEqual({ status: "exited", exitCode: 3, startedAt: 1000, finishedAt: 5000 });
    expect(started(over, { pid: 8, bootId: "b", at: 6000 }).status).toBe("running");
  });

  test("a running container is neither started nor removed", () => {
    expect(() => started(running, { pid: 1, bootId: "b", at: 0 })).toThrow("cannot be started");
    expect(() => removing(running, 0)).toThrow("cannot be removed");
  });

  test("a second observer of the end changes nothing", () => {
    expect(exited(over, { exitCode: 255, at: 9000 })).toBe(over);
  });

  test("a start that failed leaves the container as it was, with the reason", () => {
    const command = { exitCode: 127, message: "no" };
    expect(failedToStart(created, command)).toEqual({ status: "created", exitCode: 127, error: "no" });
    const port = { exitCode: 125, message: "busy" };
    const failed = failedToStart(created, port);
    expect(failed).toEqual({ status: "created", exitCode: 128, error: "busy" });
    expect(describeState(failed, 0)).toBe("Created");
    expect(started(failed, { pid: 7, processStart: 9, bootId: "b", at: 1000 })).toEqual(running);
    expect(failedToStart(over, port)).toEqual({ ...over, exitCode: 3, error: "busy" } as ContainerState);
    expect(failedToStart(over, command)).toEqual({ ...over, exitCode: 127, error: "no" } as ContainerState);
    expect(failedToStart(running, port)).toBe(running);
    expect(removing(failed, 1)).toEqual({ status: "removing", exitCode: 128, finishedAt: 1 });
  });

  test("removing keeps the exit code and leads nowhere else", () => {
    const leaving = removing(over, 1);
    expect(leaving).toMatchObject({ status: "removing", exitCode: 3 });
    expect(() => started(leaving, { pid: 1, bootId: "b", at: 0 })).toThrow();
  });

  test.each([
    [created, "Created"],
    [running, "Up 59 seconds"],
    [over, "Exited (3) 55 seconds ago"],
  ])("is described as Docker does", (state, text) => {
    expect(describeState(state, 60_000)).toBe(text);
  });
});

describe("names", () => {
  test("random ones are valid and change", () => {
    const names = new Set(Array.from({ length: 50 }, () => checkName(randomName())));
    expect(names.size).toBeGreaterThan(30);
    expect(randomName(9)).toMatch(/\d$/);
  });

  test.each(["a", "-x", "a b", "a/b", "../x", ""])("%p is refused", (name) => {
    expect(() => checkName(name)).toThrow(expect.objectContaining({ code: "CONTAINER_OPTIONS_INVALID" }));
  });
});

test("signals", () => {
  expect(["TERM", "sigterm", "15", "SIGRTMIN+3", "RTMAX-1"].map(parseSignal)).toEqual([15, 15, 15, 37, 63]);
  // Whatever a Dockerfile's STOPSIGNAL may be.
  expect(["SIGCLD", "IOT", "poll", "UNUSED"].map(parseSignal)).toEqual([17, 6, 29, 31]);
  for (const text of ["", "0", "65", "NOPE", "SIGRTMIN+31"])
    expect(() => parseSignal(text)).toThrow("not a signal");
});

const options: CreateOptions = {
  image: {
    id: "sha256:1",
    reference: "app:1",
    layers: ["sha256:l"],
    config: {
      Entrypoint: ["entry"],
      Cmd: ["cmd"],
      Env: ["A=1"],
      User: "app",
      WorkingDir: "/w",
      StopSignal: "SIGINT",
    },
  },
};
const identity = { id: "ab".repeat(32), name: "n", now: 5 };

describe("planContainer", () => {
  const args = (changes: Partial<CreateOptions>) => planContainer({ ...options, ...changes }, identity).args;

  test("the command replaces Cmd, the entrypoint replaces both", () => {
    expect(args({})).toEqual(["entry", "cmd"]);
    expect(args({ command: ["x", "y"] })).toEqual(["entry", "x", "y"]);
    expect(args({ entrypoint: ["e"] })).toEqual(["e"]);
    expect(args({ entrypoint: [], command: ["x"] })).toEqual(["x"]);
    expect(() => args({ entrypoint: [] })).toThrow("no command");
  });

  test("takes the image's user, folder, environment and signal unless told otherwise", () => {
    const record = planContainer(options, identity);
    expect(record).toMatchObject({
      user: "app",
      workingDir: "/w",
      stopSignal: "SIGINT",
      hostname: "abababababab",
    });
    expect(record.env).toContain("A=1");
    expect(planContainer({ ...options, user: "0", workingDir: "/" }, identity)).toMatchObject({
      user: "0",
      workingDir: "/",
    });
  });

  test("a VOLUME of the image becomes an anonymous volume, unless the user mounts there", () => {
    const image = {
      ...options.image,
      config: { ...options.image.config, Volumes: { "/data": {}, "/x/../log": {} } },
    };
    const record = planContainer(
      { image, mounts: [{ type: "tmpfs", destination: "/log", options: [] }] },
      identity,
    );
    expect(record.mounts.map((mount) => [mount.type, mount.destination])).toEqual([
      ["tmpfs", "/log"],
      ["volume", "/data"],
    ]);
    expect(record.mounts[1]).toMatchObject({
      anonymous: true,
      name: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
  });

  test("unknown capabilities and signals are refused before anything is made", () => {
    expect(() => planContainer({ ...options, capAdd: ["FLY"] }, identity)).toThrow("capability");
    expect(() => planContainer({ ...options, stopSignal: "SIGFOO" }, identity)).toThrow("signal");
  });
});

describe("filters", () => {
  const plain = { ...planContainer(options, identity), snapshotter: "erofs" };
  const records: ContainerRecord[] = [
    { ...plain, id: "a1", name: "web", createdAt: 3, labels: { tier: "front" } },
    { ...plain, id: "b2", name: "db", createdAt: 2, state: { status: "exited", exitCode: 1, finishedAt: 2 } },
    { ...plain, id: "c3", name: "web-old", createdAt: 1, network: "host", labels: { tier: "back" } },
  ];
  const names = (...texts: string[]) =>
    filterContainers(records, parseFilters(texts)).map((record) => record.name);

  test("values of one key widen, keys narrow", () => {
    expect(names("name=web")).toEqual(["web", "web-old"]);
    expect(names("name=web", "network=host")).toEqual(["web-old"]);
    expect(names("status=exited", "status=created")).toEqual(["web", "db", "web-old"]);
    expect(names("exited=1")).toEqual(["db"]);
    expect(names("label=tier=front")).toEqual(["web"]);
    expect(names("label=tier")).toEqual(["web", "web-old"]);
    expect(names("ancestor=app:1", "id=b")).toEqual(["db"]);
    expect(names("before=db")).toEqual(["web-old"]);
    expect(names("since=db")).toEqual(["web"]);
  });

  test("unknown keys are refused", () => {
    expect(() => parseFilters(["colour=red"])).toThrow("invalid filter");
  });
});

describe("planCopy", () => {
  const plan = (
    source: string,
    sourceKind: "file" | "directory",
    target: string,
    targetKind: "file" | "directory" | "missing",
  ) => planCopy({ source, sourceKind, target, targetKind });

  test.each([
    [plan("/s/f", "file", "/d", "directory"), { folder: "/d", name: "f" }],
    [plan("/s/f", "file", "/d/new", "missing"), { folder: "/d", name: "new" }],
    [plan("/s/f", "file", "/d/old", "file"), { folder: "/d", name: "old" }],
    [plan("/s/d", "directory", "/x", "directory"), { folder: "/x", name: "d" }],
    [plan("/s/d/.", "directory", "/x", "directory"), { folder: "/x", name: "" }],
    [plan("/s/d", "directory", "/x/new/", "missing"), { folder: "/x", name: "new" }],
  ])("follows docker cp's table", (result, expected) => {
    expect(result).toMatchObject(expected);
  });

  test("refuses a folder over a file, and a file to a folder that is not there", () => {
    expect(() => plan("/s/d", "directory", "/x", "file")).toThrow("over the file");
    expect(() => plan("/s/f", "file", "/x/", "missing")).toThrow("not a directory");
  });
});
