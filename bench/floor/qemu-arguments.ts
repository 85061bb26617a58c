/**
 * The same QEMU as the product's, its arguments written out: the floor shares no code with what it is held against. A test
 * and each run compare them with the product's, so that a change there cannot leave the floor measuring another machine.
 */

export interface FloorMachine {
  readonly accelerator: "kvm" | "tcg";
  readonly cpu: number;
  readonly memoryMib: number;
}

const SPARES = ["spare0", "spare1", "spare2", "spare3"];

export function floorArguments(name: string, { accelerator, cpu, memoryMib }: FloorMachine): string[] {
  const processor =
    accelerator === "kvm"
      ? "-accel kvm,kernel-irqchip=on -cpu host,migratable=on,pmu=off,kvm-asyncpf=off,kvm-asyncpf-int=off"
      : "-cpu max,erms=off,fsrm=off";
  return [
    `-name ${name}`,
    "-M microvm,pit=off,pic=on,rtc=on,acpi=on,ioapic2=on,pcie=off,usb=off,isa-serial=on",
    processor,
    `-smp ${cpu} -m ${memoryMib}M`,
    "-global virtio-mmio.force-legacy=false -global migration.send-configuration=off",
    "-serial chardev:console",
    "-device virtio-serial-device,id=serial,max_ports=3",
    "-device virtserialport,bus=serial.0,nr=1,chardev=link,name=fastvm.link",
    "-device virtserialport,bus=serial.0,nr=2,chardev=fs,name=fastvm.fs",
    "-device virtio-blk-device,id=disk,drive=placeholder",
    "-device virtio-rng-device,rng=rng",
    "-device virtio-net-device,id=nic,netdev=net,mac=02:66:76:6d:00:02",
    ...SPARES.map((spare) => `-device virtio-blk-device,id=${spare},drive=${spare}`),
    "-M memory-backend=mem,dump-guest-core=off,suppress-vmdesc=on",
    ...(accelerator === "tcg" ? ["-accel tcg,thread=multi,tb-size=128"] : []),
    `-object memory-backend-file,id=mem,size=${memoryMib}M,mem-path=memory,share=off`,
    "-object rng-random,id=rng,filename=/dev/urandom",
    "-chardev ringbuf,id=console,size=65536",
    "-chardev socket,id=link,path=run/link.sock,server=on,wait=off",
    "-chardev socket,id=fs,path=run/fs.sock,server=on,wait=off",
    '-blockdev {"driver":"null-co","node-name":"placeholder","size":1073741824,"read-zeroes":true}',
    ...SPARES.map((spare) => `-blockdev {"driver":"null-co","node-name":"${spare}","size":0}`),
    "-netdev tap,id=net,fd=4",
    "-L qemu -nodefaults -no-user-config -display none -no-reboot",
    "-sandbox on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny",
    "-qmp unix:run/qmp.sock,server=on,wait=off -S -incoming defer",
  ].flatMap((line) => line.split(" "));
}
