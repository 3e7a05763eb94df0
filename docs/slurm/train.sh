#!/bin/bash
# Trains on the nodes of a SLURM job: `sbatch docs/slurm/train.sh --cfg configs/AK/X3D_L.yaml`.
# What follows the script goes to tools/run_net.py. See docs/CLUSTERS.md; adapt the lines below.
#SBATCH --job-name=slowfast
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=8
#SBATCH --cpus-per-task=64
#SBATCH --time=24:00:00
#SBATCH --requeue
#SBATCH --open-mode=append
# Three minutes before the time is over each process is told to save and leave.
#SBATCH --signal=TERM@180

first=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
# Jobs that share a node do not share a port.
export MEETING="tcp://$first:$((20000 + SLURM_JOB_ID % 20000))"
export PYTHON=${PYTHON:-python}

# One task a node, which starts a process a GPU. Once one has ended, the others have five minutes.
srun --wait=300 bash -c 'exec "$PYTHON" tools/run_net.py "$@" --num_shards "$SLURM_NNODES" \
    --shard_id "$SLURM_NODEID" --init_method "$MEETING"' run_net "$@" &

# This shell may be told to end too; it waits until all have saved.
trap : TERM
wait $!
status=$?
if [ "$status" -eq 143 ]; then
    wait $!
    status=$?
fi

if [ "$status" -eq 75 ]; then # asked to stop, and all is saved: the job goes on in its next turn
    scontrol requeue "$SLURM_JOB_ID"
fi
exit "$status"
