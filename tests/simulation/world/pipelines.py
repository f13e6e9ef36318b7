"""The pipeline files that simulated pushes bring, one for each way a run can go.

A step's script says what the simulated executor does: lines, seconds, exit code, and how likely it fails.
"""

DIAMOND = """
stages:
  - name: lint
    steps: [{run: lines=2 seconds=1}]
  - name: unit
    steps: [{run: lines=9 seconds=4}, {run: lines=1 seconds=0.5 flaky=0.1}]
  - name: build
    needs: [lint, unit]
    steps: [{run: lines=3 seconds=2 output=image-7}]
  - name: report
    needs: [build]
    steps: [{run: 'text=${{ stages.build.outputs.value }} seconds=1'}]
"""

MATRIX = """
stages:
  - name: test
    matrix: {version: [a, b], system: [x, y], max_parallel: 3, fail_fast: false}
    steps: [{run: lines=4 seconds=3 flaky=0.1}]
  - name: done
    needs: [{stage: test, allow_failure: true}]
    steps: [{run: seconds=0.5}]
"""

FAIL_FAST = """
stages:
  - name: test
    matrix: {n: ["1", "2", "3", "4"]}
    retry: 1
    steps: [{run: lines=2 seconds=8 flaky=0.3}]
"""

RETRY = """
stages:
  - name: flaky
    retry: {max: 2, on: [failure, agent_lost]}
    steps: [{run: lines=2 seconds=2 flaky=0.5}]
  - name: clean
    needs: [flaky]
    if: always()
    steps: [{run: seconds=1}]
"""

APPROVAL = """
concurrency: {group: deploy, policy: queue}
stages:
  - name: build
    steps: [{run: seconds=2}]
  - name: deploy
    needs: [build]
    approval: {count: 1, groups: [release], timeout: 1m}
    steps: [{run: lines=2 seconds=3}]
"""

NEWEST = """
concurrency: {group: 'tip', policy: newest_only}
stages:
  - name: build
    steps: [{run: lines=3 seconds=6}]
"""

CANCEL_RUNNING = """
concurrency: {group: 'branch-${{ branch }}', policy: cancel_running}
stages:
  - name: build
    steps: [{run: lines=3 seconds=10}, {run: seconds=1, if: cancelled()}]
"""

TIMEOUT = """
stages:
  - name: slow
    timeout: 10s
    steps: [{run: lines=2 seconds=60 stubborn}]
  - name: rest
    needs: [{stage: slow, allow_failure: true}]
    steps: [{run: seconds=1, timeout: 30s}]
"""

CHATTY = """
stages:
  - name: talk
    steps: [{run: lines=60 seconds=5}, {run: exit=3 seconds=1, continue_on_error: true}, {run: lines=5 seconds=1}]
"""

ELSEWHERE = """
stages:
  - name: far
    pool: eu-west/default
    steps: [{run: seconds=2 lines=2}]
  - name: near
    pool: us-east/default
    needs: [far]
    steps: [{run: seconds=1}]
"""

SIMPLE = """
stages:
  - name: build
    steps: [{run: lines=2 seconds=2}]
"""

DEPLOY = """
stages:
  - name: build
    steps: [{run: seconds=1}]
  - name: try
    needs: [build]
    deploy: dev
  - name: out
    needs: [try]
    deploy: {environment: production, timeout: 10m}
"""

DEPLOY_WORSE = """
stages:
  - name: out
    deploy: {environment: production, release: {config: {SIM: errors}}}
  - name: after
    needs: [{stage: out, allow_failure: true}]
    steps: [{run: seconds=1}]
"""

SCRIPTED = """
stages:
  - name: try
    environment: dev
    steps: [{run: lines=2 seconds=3 flaky=0.2}]
  - name: out
    needs: [{stage: try, allow_failure: true}]
    environment: {name: production, regions: [eu-west, us-east]}
    retry: 1
    steps: [{run: seconds=4 flaky=0.1}]
  - name: nowhere
    environment: elsewhere
    steps: [{run: seconds=1}]
"""

BROKEN = """
stages:
  - name: build
    needs: [nothing]
    steps: [{run: seconds=1}]
"""

ELSEWHEN = """
trigger: {branches: [release]}
stages:
  - name: build
    steps: [{run: seconds=1}]
"""

# How often each is pushed.
SHAPES: tuple[tuple[str, int], ...] = (
    (SIMPLE, 24),
    (DIAMOND, 4),
    (MATRIX, 2),
    (FAIL_FAST, 2),
    (RETRY, 4),
    (APPROVAL, 4),
    (NEWEST, 3),
    (CANCEL_RUNNING, 3),
    (TIMEOUT, 1),
    (CHATTY, 2),
    (ELSEWHERE, 2),
    (DEPLOY, 3),
    (DEPLOY_WORSE, 1),
    (SCRIPTED, 3),
    (BROKEN, 1),
    (ELSEWHEN, 1),
)
