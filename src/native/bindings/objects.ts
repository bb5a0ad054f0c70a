/** Native objects, as JavaScript holds them. */

declare const brand: unique symbol;
/** An opaque native object; the brand keeps kinds apart in TypeScript, a type tag does so in C. */
export interface NativeObject<Kind extends string> {
  readonly [brand]: Kind;
}
export type MappingObject = NativeObject<'mapping'>;
export type WatchObject = NativeObject<'watch'>;
export type DispatcherObject = NativeObject<'dispatcher'>;
export type CallerObject = NativeObject<'caller'>;
export type VcpuObject = NativeObject<'vcpu'>;
export type OrderGroupObject = NativeObject<'order-group'>;
export type ServerObject = NativeObject<'server'>;
export type IoVectorObject = NativeObject<'io-vector'>;
export type FileIoObject = NativeObject<'file-io'>;
