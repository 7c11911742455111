declare module "fs-native-extensions" {
  /** Whether the lock was given; it ends with the descriptor, however the process ends. */
  export function tryLock(descriptor: number): boolean;
}
