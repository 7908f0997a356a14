"""The world: order books, tape of prints, price grids. Pure."""
