{
  "targets": [
    {
      "target_name": "ioregion",
      "sources": [
        "native/src/addon.c",
        "native/src/args.c",
        "native/src/int_list.c",
        "native/src/fd.c",
        "native/src/special_fd.c",
        "native/src/fd_watch.c",
        "native/src/kvm_requests.c",
        "native/src/ioctl.c",
        "native/src/memory_slots.c",
        "native/src/guard.c",
        "native/src/mapping.c",
        "native/src/mapping_load.c",
        "native/src/mapping_table.c",
        "native/src/socket_path.c",
        "native/src/socket.c",
        "native/src/fd_passing.c",
        "native/src/thread.c",
        "native/src/interruptible.c",
        "native/src/handles.c",
        "native/src/channel.c",
        "native/src/region_table.c",
        "native/src/caller.c",
        "native/src/watchdog.c",
        "native/src/dispatcher.c",
        "native/src/loopback_caller.c",
        "native/src/vcpu.c",
        "native/src/order_group.c",
        "native/src/server.c",
        "native/src/server_binding.c",
        "native/src/file_call.c",
        "native/src/vector_io.c",
        "native/src/uring.c",
        "native/src/file_io.c",
        "native/src/file_io_binding.c",
        "native/src/image_file.c",
        "native/src/io_vector.c",
        "native/src/tap.c",
        "native/src/pty.c"
      ],
      "defines": ["NAPI_VERSION=8", "_GNU_SOURCE"],
      # One unit for the compiler, and thread-local variables without a call: some 2 % of a round trip.
      "cflags": ["-flto=auto", "-fno-plt", "-ftls-model=initial-exec"],
      "ldflags": ["-flto=auto", "-O2"],
      "cflags_c": ["-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-Wshadow", "-Wno-unused-parameter", "-fvisibility=hidden"],
      "conditions": [
        ["OS!='linux'", { "sources!": [], "defines": ["IOREGION_UNSUPPORTED"] }]
      ]
    }
  ]
}
