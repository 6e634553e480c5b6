"""`tidemill exec`: a configuration's runs here and now, by the planner and the workers that a server has."""
