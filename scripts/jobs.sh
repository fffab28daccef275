#!/bin/sh
# Prints how many jobs this machine runs at once: its cores, or fewer where a container is given less of them.
jobs=$(nproc 2>/dev/null || getconf _NPROCESSORS_ONLN)
if read -r quota period 2>/dev/null </sys/fs/cgroup/cpu.max && [ "$quota" != max ]; then
  share=$(((quota + period - 1) / period))
  if [ "$share" -lt "$jobs" ]; then jobs=$share; fi
fi
echo "$jobs"
