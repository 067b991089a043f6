
# One driver on the first machine, one node process on each other one. What runs in a task: the lines of `setup`, then
# the command. The nodes find the driver at the address of the machine of this script.
task="set -e
$setup
export SUBMITTER_DRIVER_ADDRESS=\"\$SLURM_LAUNCH_NODE_IPADDR\"
exec \"\$@\""
machines=$SLURM_JOB_NUM_NODES
restarts=${SLURM_RESTART_COUNT:-0}
nodes=
signalled=
time_is_up=
node_failed=

end_driver() {
  # srun would kill the task: scancel lets it end. Slurm 22.05 asks machines without this step, too, and reports an error.
  local step
  step=$(squeue --noheader --steps --jobs="$SLURM_JOB_ID" --format="%i %j" | awk '$2 == "driver" { print $1 }')
  if [[ $step ]]; then scancel --signal=TERM "$step" 2>/dev/null; fi
}

# Slurm sends USR1 some time before the limit. It sends TERM, also to the tasks, when the job is cancelled or requeued.
trap 'signalled=1; time_is_up=1; end_driver' USR1
trap 'signalled=1' TERM
trap 'signalled=1; node_failed=1; end_driver' USR2

echo "job $SLURM_JOB_ID: start $((restarts + 1)), on $SLURM_JOB_NODELIST"
if ((machines > 1)); then
  (
    srun "${step[@]}" --job-name=nodes --relative=1 --nodes=$((machines - 1)) --ntasks=$((machines - 1)) \
      --kill-on-bad-exit=1 --output="$logs/$SLURM_JOB_ID-%N.log" \
      bash -c "$task" submitter submitter node "$campaign" --idle "${limit_s}s" && exit
    echo "submitter node failed, $logs/$SLURM_JOB_ID-*.log say why; the driver is ended"
    sleep 10 # it may know why, and says so first
    kill -USR2 $$
  ) &
  nodes=$!
fi
srun "${step[@]}" --job-name=driver --relative=0 --nodes=1 --ntasks=1 \
  bash -c "$task" submitter submitter run-all "$campaign" &
driver=$!

while # `wait` returns early at a signal that is trapped
  signalled=
  wait "$driver"
  code=$?
  [[ $signalled ]]
do :; done

if [[ $nodes ]]; then kill "$nodes" 2>/dev/null; fi # from here on the end of a node is no failure

# 143: the driver was ended; 130: by Ctrl-C in a shell. Any other code is its own.
was_ended=
if ((code == 130 || code == 143)); then was_ended=1; fi
if [[ $node_failed && $was_ended ]]; then code=4; fi
if [[ $time_is_up && $was_ended ]]; then
  if ((restarts < max_requeues)); then
    echo "job $SLURM_JOB_ID: the time limit is near; finished runs are kept, and the job goes back to the queue"
    scontrol requeue "$SLURM_JOB_ID"
  else
    echo "job $SLURM_JOB_ID: the time limit is near, and the job was requeued $restarts times; submit it again to go on"
  fi
fi
exit "$code" # Slurm then ends the nodes
