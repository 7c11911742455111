declare module "fs-native-extensions" {
  /** Whether the lock was acquired. It is released when the descriptor is closed or the process ends. */
  export function tryLock(descriptor: number): boolean;
}
