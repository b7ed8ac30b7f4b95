#!/bin/bash
# Stop what up.sh has started, by the recorded process groups.
pids="$(dirname "$(readlink -f "$0")")/run/pids"
for signal in TERM KILL; do
  for one in "$pids"/*; do
    [ -e "$one" ] && kill -$signal -- "-$(cat "$one")" 2> /dev/null
  done
  [ $signal = TERM ] && sleep 3
done
rm -f "$pids"/*
epmd -port 15675 -kill > /dev/null # a daemon of its own, which RabbitMQ starts
