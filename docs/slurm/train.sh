#!/bin/bash
# Trains on the nodes of a SLURM job: `sbatch docs/slurm/train.sh --cfg configs/AK/X3D_L.yaml`.
# All arguments are passed to tools/run_net.py. See docs/CLUSTERS.md; adapt the lines below.
#SBATCH --job-name=slowfast
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=8
#SBATCH --cpus-per-task=64
#SBATCH --time=24:00:00
#SBATCH --requeue
#SBATCH --open-mode=append
# Three minutes before the time is over, each process gets SIGTERM: it saves its state and ends.
#SBATCH --signal=TERM@180

first=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
# Jobs that share a node do not share a port.
export MEETING="tcp://$first:$((20000 + SLURM_JOB_ID % 20000))"
export PYTHON=${PYTHON:-python}

# Each node has one task, which starts a process for each GPU. When one task has ended, the others
# have five minutes.
srun --wait=300 bash -c 'exec "$PYTHON" tools/run_net.py "$@" --num_shards "$SLURM_NNODES" \
    --shard_id "$SLURM_NODEID" --init_method "$MEETING"' run_net "$@" &

# This shell can get SIGTERM too. It waits until all processes have saved their state.
trap : TERM
wait $!
status=$?
if [ "$status" -eq 143 ]; then
    wait $!
    status=$?
fi

if [ "$status" -eq 75 ]; then # stopped with its state saved: the job continues when it starts again
    scontrol requeue "$SLURM_JOB_ID"
fi
exit "$status"
