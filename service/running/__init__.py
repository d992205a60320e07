"""What keeps the service going: units of work and who holds them, processes, doorbells, tidying."""
