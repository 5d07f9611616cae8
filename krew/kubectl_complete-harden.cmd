@echo off
kubectl-harden __complete %*
