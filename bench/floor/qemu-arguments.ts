/**
 * The same QEMU as the product's, its arguments written out: the floor shares no code with what it is held against. A test and each run compare
 * them with the product's, so that a change there cannot leave the floor measuring another machine.
 */

export interface FloorMachine {
  readonly accelerator: "kvm" | "tcg";
  readonly cpu: number;
  readonly memoryMib: number;
}

export function floorArguments(name: string, { accelerator, cpu, memoryMib }: FloorMachine): string[] {
  const engine =
    accelerator === "kvm"
      ? "-accel kvm -cpu host,migratable=off"
      : "-accel tcg,thread=multi,tb-size=128 -cpu max,erms=off,fsrm=off";
  return [
    `-name ${name}`,
    "-M microvm,pit=off,rtc=on,acpi=on,memory-backend=mem,dump-guest-core=off",
    engine,
    `-smp ${cpu} -m ${memoryMib}M`,
    `-object memory-backend-file,id=mem,size=${memoryMib}M,mem-path=memory,share=off`,
    "-nodefaults -no-user-config -display none -no-reboot",
    "-global virtio-mmio.force-legacy=false -global migration.send-configuration=off",
    "-chardev ringbuf,id=console,size=65536 -serial chardev:console",
    "-chardev socket,id=link,path=run/link.sock,server=on,wait=off",
    "-device virtio-serial-device,id=serial,max_ports=2",
    "-device virtserialport,bus=serial.0,nr=1,chardev=link,name=fastvm.link",
    '-blockdev {"driver":"null-co","node-name":"placeholder","size":1073741824,"read-zeroes":true}',
    "-device virtio-blk-device,id=disk,drive=placeholder",
    "-object rng-random,id=rng,filename=/dev/urandom -device virtio-rng-device,rng=rng",
    "-netdev tap,id=net,fd=4",
    "-device virtio-net-device,id=nic,netdev=net,mac=02:66:76:6d:00:02",
    "-sandbox on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny",
    "-qmp unix:run/qmp.sock,server=on,wait=off -S -incoming defer",
  ].flatMap((line) => line.split(" "));
}
