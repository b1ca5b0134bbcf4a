"""What words mean, in English and in German."""
