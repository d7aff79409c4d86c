/** What the simulator uses of the WebAssembly JavaScript interface; Node's types leave it to those of the browser. */
declare namespace WebAssembly {
  class Module {
    // A compiled module has no members of its own; this keeps other objects from passing as one.
    private readonly module: never;
  }
  class Instance {
    constructor(module: Module, imports: Record<string, Record<string, (...values: number[]) => void>>);
    readonly exports: Record<string, unknown>;
  }
  interface Memory {
    readonly buffer: ArrayBuffer;
  }
  function compile(bytes: Uint8Array): Promise<Module>;
}
