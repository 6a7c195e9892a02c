import type { Seccomp, SeccompRule } from "./types.ts";

const eperm = 1;
const enosys = 38;
const afVsock = 40;

/** Calls that programs need and that act only on what the caller already owns, by what they are for. */
const allowed: Readonly<Record<string, string>> = {
  files: `
    access chdir chmod chown chown32 close close_range copy_file_range creat dup dup2 dup3 faccessat faccessat2
    fadvise64 fadvise64_64 fallocate fchdir fchmod fchmodat fchmodat2 fchown fchown32 fchownat fcntl fcntl64 fdatasync
    flock fstat fstat64 fstatat64 fstatfs fstatfs64 fsync ftruncate ftruncate64 futimesat getcwd getdents getdents64
    ioctl lchown lchown32 link linkat _llseek lseek lstat lstat64 mkdir mkdirat mknod mknodat name_to_handle_at
    newfstatat _newselect open openat openat2 pipe pipe2 pread64 preadv preadv2 pwrite64 pwritev pwritev2 read
    readahead readlink readlinkat readv rename renameat renameat2 rmdir sendfile sendfile64 splice stat stat64 statfs
    statfs64 statx symlink symlinkat sync sync_file_range syncfs tee truncate truncate64 umask unlink unlinkat utime
    utimensat utimensat_time64 utimes vmsplice write writev cachestat listmount statmount`,
  attributes: `
    fgetxattr flistxattr fremovexattr fsetxattr getxattr getxattrat lgetxattr listxattr listxattrat llistxattr
    lremovexattr lsetxattr removexattr removexattrat setxattr setxattrat file_getattr file_setattr`,
  watching: `
    epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait epoll_wait_old eventfd
    eventfd2 fanotify_mark inotify_add_watch inotify_init inotify_init1 inotify_rm_watch poll ppoll ppoll_time64
    pselect6 pselect6_time64 select signalfd signalfd4`,
  asynchronous: `
    io_cancel io_destroy io_getevents io_pgetevents io_pgetevents_time64 io_setup io_submit`,
  memory: `
    brk madvise map_shadow_stack membarrier memfd_create memfd_secret mincore mlock mlock2
    mlockall mmap mmap2 mprotect mremap mseal msync munlock munlockall munmap pkey_alloc pkey_free pkey_mprotect
    process_mrelease remap_file_pages`,
  processes: `
    alarm capget capset execve execveat exit exit_group fork get_robust_list get_thread_area getegid
    getegid32 geteuid geteuid32 getgid getgid32 getgroups getgroups32 getitimer getpgid getpgrp getpid getppid
    getpriority getresgid getresgid32 getresuid getresuid32 getrlimit getrusage getsid gettid getuid getuid32 kill
    landlock_add_rule landlock_create_ruleset landlock_restrict_self lsm_get_self_attr lsm_list_modules
    lsm_set_self_attr pause pidfd_open pidfd_send_signal prctl prlimit64 restart_syscall rseq sched_getaffinity
    sched_getattr sched_getparam sched_get_priority_max sched_get_priority_min sched_getscheduler
    sched_rr_get_interval sched_rr_get_interval_time64 sched_setaffinity sched_setattr sched_setparam
    sched_setscheduler sched_yield seccomp setfsgid setfsgid32 setfsuid setfsuid32 setgid setgid32 setgroups
    setgroups32 setitimer setpgid setpriority setregid setregid32 setresgid setresgid32 setresuid setresuid32
    setreuid setreuid32 setrlimit set_robust_list setsid set_thread_area set_tid_address setuid setuid32 tgkill tkill
    ugetrlimit vfork wait4 waitid waitpid ioprio_get ioprio_set`,
  signals: `
    rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait
    rt_sigtimedwait_time64 rt_tgsigqueueinfo sigaltstack sigprocmask sigreturn`,
  locks: `
    futex futex_requeue futex_time64 futex_wait futex_waitv futex_wake`,
  clocks: `
    adjtimex clock_adjtime clock_adjtime64 clock_getres clock_getres_time64 clock_gettime clock_gettime64
    clock_nanosleep clock_nanosleep_time64 gettimeofday nanosleep time timer_create timer_delete timerfd_create
    timerfd_gettime timerfd_gettime64 timerfd_settime timerfd_settime64 timer_getoverrun timer_gettime
    timer_gettime64 timer_settime timer_settime64 times`,
  sockets: `
    accept accept4 bind connect getpeername getsockname getsockopt listen recv recvfrom recvmmsg recvmmsg_time64
    recvmsg send sendmmsg sendmsg sendto setsockopt shutdown socketcall socketpair`,
  ipc: `
    ipc mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedreceive_time64 mq_timedsend mq_timedsend_time64
    mq_unlink msgctl msgget msgrcv msgsnd semctl semget semop semtimedop semtimedop_time64 shmat shmctl shmdt shmget`,
  machine: `
    getcpu getrandom sysinfo uname`,
  tracing: `
    process_vm_readv process_vm_writev ptrace`,
};

/** Calls that open when the container holds a capability that makes them meaningful. */
const byCapability: Readonly<Record<string, string>> = {
  CAP_BPF: "bpf",
  CAP_DAC_READ_SEARCH: "open_by_handle_at",
  CAP_PERFMON: "perf_event_open",
  CAP_SYS_ADMIN: `bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie mount mount_setattr
    move_mount open_tree perf_event_open quotactl quotactl_fd setdomainname sethostname setns syslog umount umount2
    unshare`,
  CAP_SYS_BOOT: "reboot",
  CAP_SYS_CHROOT: "chroot",
  CAP_SYS_MODULE: "delete_module finit_module init_module",
  CAP_SYS_NICE: "get_mempolicy mbind set_mempolicy set_mempolicy_home_node",
  CAP_SYS_PACCT: "acct",
  CAP_SYS_PTRACE: "kcmp pidfd_getfd process_madvise",
  CAP_SYS_RAWIO: "ioperm iopl",
  CAP_SYS_TIME: "clock_settime clock_settime64 settimeofday stime",
  CAP_SYS_TTY_CONFIG: "vhangup",
  CAP_SYSLOG: "syslog",
};

/** Calls that exist on some processors only. */
const byArchitecture: Readonly<Record<string, string>> = {
  amd64: "arch_prctl modify_ldt",
  "386": "modify_ldt",
  arm: "arm_fadvise64_64 arm_sync_file_range sync_file_range2 breakpoint cacheflush set_tls",
  arm64: "arm_fadvise64_64 arm_sync_file_range sync_file_range2 breakpoint cacheflush set_tls",
  ppc64le: "sync_file_range2 swapcontext",
  riscv64: "riscv_flush_icache riscv_hwprobe",
  s390x: "s390_pci_mmio_read s390_pci_mmio_write s390_runtime_instr",
};

/** The processor itself and those whose programs it can run: a filter for one alone would be walked around. */
const architectures: Readonly<Record<string, readonly string[]>> = {
  amd64: ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
  "386": ["SCMP_ARCH_X86"],
  arm64: ["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"],
  arm: ["SCMP_ARCH_ARM"],
  ppc64le: ["SCMP_ARCH_PPC64LE"],
  riscv64: ["SCMP_ARCH_RISCV64"],
  s390x: ["SCMP_ARCH_S390X", "SCMP_ARCH_S390"],
};

/**
 * Execution domains (personality(2)) programs ask for: Linux, without address randomisation off by itself, the two
 * that report an old kernel version, and the query. Others change how the kernel checks memory.
 */
const personalities = [0x0, 0x0008, 0x20000, 0x20008, 0xffffffff];

/** CLONE_NEW* for mount, cgroup, uts, ipc, user, pid and net: a new user namespace opens much of the kernel. */
const namespaceFlags = 0x7e020000;

/**
 * The default system call filter: whatever is not named is refused with EPERM. What the list leaves out: kernel
 * modules, keyrings, mounts, namespaces, io_uring, raw clocks, vsock (it reaches the hypervisor).
 * `architecture` is GOARCH; `capabilities` are `CAP_` names.
 */
export function defaultSeccomp(architecture: string, capabilities: readonly string[]): Seccomp | undefined {
  const archs = architectures[architecture];
  if (archs === undefined) return undefined;
  const has = new Set(capabilities);
  const names = new Set(Object.values(allowed).flatMap(words));
  for (const name of words(byArchitecture[architecture] ?? "")) names.add(name);
  for (const [capability, calls] of Object.entries(byCapability))
    if (has.has(capability)) for (const name of words(calls)) names.add(name);

  const rules: SeccompRule[] = [{ names: [...names].sort(), action: "SCMP_ACT_ALLOW" }];
  for (const value of personalities)
    rules.push(allowWhen("personality", { index: 0, value, op: "SCMP_CMP_EQ" }));
  rules.push(allowWhen("socket", { index: 0, value: afVsock, op: "SCMP_CMP_NE" }));
  if (!has.has("CAP_SYS_ADMIN")) {
    // s390 passes the stack first, so the flags are its second argument.
    const index = architecture === "s390x" ? 1 : 0;
    rules.push(
      allowWhen("clone", { index, value: namespaceFlags, valueTwo: 0, op: "SCMP_CMP_MASKED_EQ" }),
      // clone3 hides its flags behind a pointer no filter can read; "not implemented" makes libc fall back to clone.
      { names: ["clone3"], action: "SCMP_ACT_ERRNO", errnoRet: enosys },
    );
  }
  return {
    defaultAction: "SCMP_ACT_ERRNO",
    defaultErrnoRet: eperm,
    architectures: archs,
    syscalls: rules,
  };
}

function allowWhen(name: string, argument: NonNullable<SeccompRule["args"]>[number]): SeccompRule {
  return { names: [name], action: "SCMP_ACT_ALLOW", args: [argument] };
}

function words(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== "");
}
