local host = { type: 'host' };

{
  check(name):: {
    name: name,
    runtime: host,
    steps: [{ run: 'echo checked ' + name }],
  },

  shard(number, count):: {
    name: 'shard %d of %d' % [number, count],
    runtime: host,
    environment: { SHARD: std.toString(number) },
    steps: [{ run: 'echo "tests of shard $SHARD"' }],
  },

  publish(needs):: {
    name: 'publish',
    runtime: host,
    steps: [{ run: 'echo published' }],
    depends: needs,
  },
}
